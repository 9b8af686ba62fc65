import type { Manifest } from '../../../core/manifest.ts'
import { payloadStream, restorePayload } from '../../../core/stock-commands.ts'
import { databaseNotes } from '../database-notes.ts'

/** RESTORE.md: how to get everything back with `cat`, `age`, `zstd` and `tar` alone. Names no path of the source: it stays clear beside encrypted parts. */
export function restoreNotes(manifest: Manifest): string {
  const encrypted = manifest.pipeline.encryption === 'age_x25519'
  const stream = payloadStream('BACKUP', encrypted)
  const index = manifest.entry_index.name
  const openIndex = encrypted ? `age -d -i key.txt ${index} | zstd -dc` : `zstd -dc ${index}`
  const bytes = manifest.artifacts.reduce((sum, part) => sum + part.size, 0)
  return `# How to restore this backup

Made by ${manifest.producer}, job \`${manifest.job_id}\`, run \`${manifest.run_id}\`, finished ${new Date(manifest.ended_at).toISOString()}.
It holds ${manifest.totals.files} files, ${manifest.totals.dirs} directories and ${manifest.totals.links} links, ${manifest.totals.source_bytes} bytes of content.

You do not need Bastion. You need \`tar\` (GNU), \`zstd\`${encrypted ? ', `age` and the key' : ''}.
${encrypted ? `\nThe key is an age identity, a line that begins with \`AGE-SECRET-KEY-1\`. Put it into a file \`key.txt\`.\nThe backup was made for: ${(manifest.pipeline.recipients ?? []).map((recipient) => `\`${recipient}\``).join(', ')}.\n` : ''}
## Everything

Check that all ${manifest.artifacts.length} parts are here, ${bytes} bytes together. Then, in the directory to restore into and as root to get owners back
(replace \`BACKUP\` by the path of this directory):

\`\`\`
${restorePayload('BACKUP', encrypted)}
\`\`\`

Leave out \`--numeric-owner\` to go by user names instead of numbers. A file can stand in the stream twice: the later one is the better copy, and tar keeps it.

## Some of it

List the names, then give tar the ones you want:

\`\`\`
${stream} | tar -t
${stream} | tar -xp --numeric-owner path/of/a/file
\`\`\`

${databaseNotes}
## Is it whole?

\`manifest.json\` has the size and the BLAKE3 hash of every part (\`b3sum payload.part*\`). \`${index}\` has one line of JSON for each file, with its BLAKE3 hash:

\`\`\`
${openIndex}
\`\`\`
`
}
