import { z } from 'zod'

/**
 * What people and machines need to know of a driver before it runs: forms, command-line flags, validation, redaction and the reference page are
 * all made from it. Pure data; the code that does the work is found in the engine's registry under the same kind.
 */
export interface DriverDescription<Kind extends string, Options extends OptionDescriptions, Capability extends string> {
  /** as it stands in a config's `type` */
  readonly kind: Kind
  readonly title: string
  readonly help: string
  /** in the order a form shows them */
  readonly options: Options
  readonly capabilities: readonly Capability[]
}

export interface OptionDescription {
  readonly title: string
  readonly help: string
  /** Says type, bounds and default. One field of the config; crosses wires and disks as it is. */
  readonly schema: z.ZodType
  /** Never returned, logged or shown; see {@link redactConfig}. */
  readonly secret?: true
  /** an example value, for a form's empty field and the reference page */
  readonly example?: string
}

/** Option names are snake_case: they are the properties of the config. */
export type OptionDescriptions = Readonly<Record<string, OptionDescription>>

type AnyDescription = DriverDescription<string, OptionDescriptions, string>

export type ConfigShape<D extends AnyDescription> = { type: z.ZodLiteral<D['kind']> } & { [Name in keyof D['options']]: D['options'][Name]['schema'] }

/** What a driver is opened with: `{type: <kind>, …options}`, every default filled in. */
export type DriverConfig<D extends AnyDescription> = z.infer<z.ZodObject<ConfigShape<D>, z.core.$strict>>

/** The schema of a driver's config. Strict: an option nobody described is an error, not a silent no. */
export function configSchema<const D extends AnyDescription>(description: D): z.ZodObject<ConfigShape<D>, z.core.$strict> {
  const fields = Object.entries(description.options).map(([name, option]) => [name, option.schema] as const)
  return z.strictObject({ type: z.literal(description.kind), ...Object.fromEntries(fields) } as unknown as ConfigShape<D>)
}

/** One option as a form, a flag or a table row shows it. */
export interface OptionSummary {
  name: string
  title: string
  help: string
  secret: boolean
  required: boolean
  /** absent when there is none, and for secrets */
  default?: unknown
  example?: string
  /** JSON Schema of the value without its default, for the kind of field and its bounds */
  json_schema: Record<string, unknown>
}

/** The options in the order described. */
export function summarizeOptions(description: AnyDescription): OptionSummary[] {
  return Object.entries(description.options).map(([name, option]) => {
    const absent = option.schema.safeParse(undefined)
    const secret = option.secret ?? false
    const {
      $schema: _,
      default: __,
      ...jsonSchema
    } = z.toJSONSchema(option.schema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>
    return {
      name,
      title: option.title,
      help: option.help,
      secret,
      required: !absent.success,
      ...(absent.success && absent.data !== undefined && !secret && { default: absent.data }),
      ...(option.example !== undefined && { example: option.example }),
      json_schema: jsonSchema,
    }
  })
}

export const redacted = '***'

/** A copy of `config` that may be shown: secrets are replaced, and so is what no option describes, for nobody can say that it is none. */
export function redactConfig(description: AnyDescription, config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => {
      if (name === 'type') return [name, value]
      const option = Object.hasOwn(description.options, name) ? description.options[name] : undefined
      return [name, option === undefined || option.secret === true ? redacted : value]
    }),
  )
}
