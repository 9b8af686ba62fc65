import type { z } from 'zod'

/** What a JSON column holds. The same schema writes and reads it, so what is read was valid when it was written. */
export function readJson<Schema extends z.ZodType>(schema: Schema, text: string): z.infer<Schema> {
  return schema.parse(JSON.parse(text))
}

export function writeJson<Schema extends z.ZodType>(schema: Schema, value: z.infer<Schema>): string {
  return JSON.stringify(schema.parse(value))
}

export function readJsonOrNull<Schema extends z.ZodType>(schema: Schema, text: string | null): z.infer<Schema> | null {
  return text === null ? null : readJson(schema, text)
}
