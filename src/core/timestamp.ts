import { z } from 'zod'

/** The last moment a `Date` can be of (ECMAScript, Time Values and Time Range). */
const lastMs = 8_640_000_000_000_000

/** Milliseconds since 1970. Every one of them can be told as a date. */
export const timestampSchema = z.number().int().nonnegative().max(lastMs)
