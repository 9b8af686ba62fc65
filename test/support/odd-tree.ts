import path from 'node:path'
import { type BytePath, toBytePath } from '../../src/lib/byte-path.ts'
import { type SourceTree, sourceTree } from './source-tree.ts'

/** Names that are trouble somewhere, of files, directories and links. */
export function oddTree(at: string): SourceTree {
  const tree = sourceTree(path.join(at, 'source'))
  const names: BytePath[] = [
    'README',
    'readme',
    'ReadMe',
    'line\nbreak',
    'bell\x07',
    'n'.repeat(255),
    '.htaccess',
    '.x.0123456789abcdef.tmp',
    '\x80'.repeat(255),
    'caf\xe9',
    ...['\u00e9', 'e\u0301', '\ufffd'].map(toBytePath),
  ]
  for (const name of names) tree.file(`files/${name}`, name).file(`dirs/${name}/inside`, `in ${name}`).symlink(`links/${name}`, name)
  tree.file('linked', 'one file').link('links/LINKED', 'linked').link('links/linked', 'linked')
  tree.file('odd\xff', 'its first name is odd').link('other name', 'odd\xff').file('large\xff', 200_000)
  return tree.finish()
}
