import type { BytePath } from '../../../src/lib/byte-path.ts'
import type { Random } from './random.ts'

/** Names that lead out, that no system can hold, or that meet in one place. */
export const hostileNames: readonly BytePath[] = [
  '..',
  '.',
  '',
  '/',
  '//',
  '../outside/canary',
  'a/../../outside/canary',
  'a/..',
  '/etc/passwd',
  '/proc/self/root/etc/passwd',
  '/proc/self/fd/0',
  'a//b',
  './a',
  'a/',
  'a/.',
  'a\0b',
  '\0',
  'a\nb',
  '\x1b[2J',
  '\xff\xfe',
  'caf\xc3\xa9',
  '\xed\xa0\x80',
  'C:\\x',
  '..\\..\\x',
  'n'.repeat(255),
  'n'.repeat(256),
  'p/'.repeat(300) + 'p',
  'p/'.repeat(1000) + 'p',
  `${'d'.repeat(200)}/`.repeat(30) + 'e',
  'x'.repeat(70_000),
  'link',
  'link/through',
  'link/dir/through',
  'dir',
  'dir/inside',
  'dir/inside/below',
  'file',
  'file/below',
  'foreign',
  'foreign/secret',
  'trap',
  'trap/through',
  'trap file',
  'large',
  'hard',
  'constructor',
  '__proto__',
  'toString',
]

/** Where links of an artifact want to lead. */
export const hostileTargets: readonly BytePath[] = [
  ...hostileNames,
  '../outside',
  '../outside/canary',
  '../../outside/canary',
  '/',
  '.',
  'foreign/secret',
  'hard',
  'link',
  'trap file',
  'zzz',
]

export function hostileName(random: Random, list: readonly BytePath[] = hostileNames): BytePath {
  const name = random.pick(list)
  return random.chance(0.15) ? `${random.pick(list.filter((each) => each.length < 300))}/${name}` : name
}
