import type { Archiver, Place } from '../archiver.ts'
import type { Command } from '../measure.ts'
import type { ServerKind } from '../servers.ts'
import type { Tool } from '../tools.ts'

const servers: Record<ServerKind, { title: string; tools: readonly Tool[] }> = {
  webdav: { title: 'WebDAV', tools: [] }, // rclone's own
  sftp: { title: 'SFTP', tools: ['sshd'] },
  s3: { title: 'S3', tools: [] },
}

/** With its own number of transfers at once. Permissions and links do not go with it. */
export function createRclone(kind: ServerKind): Archiver {
  return {
    title: `rclone copy to ${servers[kind].title}`,
    tools: ['rclone', ...servers[kind].tools],
    store: (source, place) => copy(place, source, remote(place)),
    restores: [
      {
        how: 'rclone copy back',
        command: (place, folder) => copy(place, remote(place), folder),
        root: (_source, _place, folder) => folder,
        keeps: 'contents',
      },
    ],
  }
}

/** Nothing of the user's own rclone is read. */
function copy(place: Place, from: string, to: string): Command {
  return { stages: [['rclone', '--config', '', 'copy', from, to]], env: place.server?.env ?? {} }
}

function remote({ server }: Place): string {
  if (server === null) throw new Error('rclone is measured with a server')
  return server.remote
}
