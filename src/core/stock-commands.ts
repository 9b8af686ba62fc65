/** How stock tools open an `archive_v1` artifact: one sentence for RESTORE.md, the recovery sheet and whoever else says it. */

/** The tar stream of the artifact in `directory`, as the shell takes it; encrypted ones need the identity in `key.txt`. */
export function payloadStream(directory: string, isEncrypted: boolean): string {
  return `cat ${directory}/payload.part*${isEncrypted ? ' | age -d -i key.txt' : ''} | zstd -d`
}

/** Everything of it, into the directory where the shell stands. */
export function restorePayload(directory: string, isEncrypted: boolean): string {
  return `${payloadStream(directory, isEncrypted)} | tar -xp --numeric-owner --xattrs --xattrs-include='*' --delay-directory-restore`
}
