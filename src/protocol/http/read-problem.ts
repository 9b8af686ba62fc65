import { errorCodes } from '../../core/errors.ts'
import type { Problem } from './problem.ts'

/**
 * What `problemSchema` reads, without a schema: every page calls the API, and need not load the schemas of all its messages for the one that says no.
 * @returns null for what is no problem of a Hub
 */
export function readProblem(text: string): Problem | null {
  const value = parsed(text)
  if (!isRecord(value)) return null
  const { title, status, code, message, hint, details, request_id } = value
  const areWords = [title, code, message, hint, request_id].every((each) => typeof each === 'string')
  if (!areWords || !Number.isSafeInteger(status) || !Object.hasOwn(errorCodes, code as string) || !isRecord(details)) return null
  return { title, status, code, message, hint, details, request_id } as Problem
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
