import path from 'node:path'

/** What is started as `bastion`: the built program, which `npm test` names, as it is always up to date there; from source otherwise. */
export const bastionProgram = process.env['BASTION_TEST_PROGRAM'] ?? path.join(import.meta.dirname, '../../src/cli/main.ts')

/** `bastion runner`. */
export const bastionRunner = [process.execPath, bastionProgram, 'runner'] as const
