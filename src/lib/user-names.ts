import { readFileSync } from 'node:fs'

/** Names of user and group ids of this machine, as its `passwd` and `group` files tell; unknown ids have none. */
export interface UserNames {
  user(uid: number): string | undefined
  group(gid: number): string | undefined
}

export function loadUserNames(): UserNames {
  const users = readIds('/etc/passwd')
  const groups = readIds('/etc/group')
  return { user: (uid) => users.get(uid), group: (gid) => groups.get(gid) }
}

/** Both files have the name in the first field and the id in the third. */
function readIds(file: string): Map<number, string> {
  const ids = new Map<number, string>()
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return ids // no such file on this system: entries carry numbers only
  }
  for (const line of text.split('\n')) {
    const fields = line.split(':')
    const id = Number(fields[2])
    if (fields[0] && fields[2] && Number.isInteger(id) && !ids.has(id)) ids.set(id, fields[0])
  }
  return ids
}
