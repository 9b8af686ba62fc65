import { expect, test } from 'vitest'
import { cronSchema } from '../../src/core/schedule.ts'
import { secretNameSchema } from '../../src/core/job.ts'
import { jobRetentionSchema } from '../../src/core/retention.ts'
import { newPasswordSchema, usernameSchema } from '../../src/protocol/http/account-schema.ts'
import { settingsSchema } from '../../src/protocol/http/settings-routes.ts'
import { jobSpecSchema } from '../../src/protocol/job-spec.ts'
import { secretInputSchema } from '../../src/protocol/secret-spec.ts'
import { problemsEn } from '../../web/src/locales/problems-en.ts'

/** As much of a schema, or of a check of one, as is looked at here. */
interface Part {
  _zod: { def: { error?: ((issue: never) => string | { message: string } | null | undefined) | undefined } }
}

const isPart = (value: unknown): value is Part => typeof value === 'object' && value !== null && '_zod' in value

/** What a schema and all in it say in words of their own, instead of those of zod. */
function ownWords(schema: Part, words = new Set<string>(), seen = new Set<Part>()): Set<string> {
  if (seen.has(schema)) return words
  seen.add(schema)
  const { def } = schema._zod
  const said = def.error?.({ code: 'custom', input: undefined, path: [] } as never)
  if (said !== undefined && said !== null) words.add(typeof said === 'string' ? said : said.message)
  for (const value of Object.values<unknown>(def)) {
    const inner = isPart(value) || typeof value !== 'object' || value === null ? [value] : Object.values(value)
    for (const part of inner) if (isPart(part)) ownWords(part, words, seen)
  }
  return words
}

test('what schemas of forms say in words of their own can be said in every language', () => {
  const schemas = [
    jobSpecSchema,
    jobRetentionSchema,
    settingsSchema,
    secretInputSchema,
    secretNameSchema,
    cronSchema,
    usernameSchema,
    newPasswordSchema,
  ]
  const said = new Set(schemas.flatMap((schema) => [...ownWords(schema)]))
  const known = Object.values(problemsEn.own).map((text) => text.replaceAll("{'@'}", '@'))
  expect([...said].toSorted()).toEqual(known.toSorted())
})
