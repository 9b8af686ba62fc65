/** What RESTORE.md says about SQLite databases, in either format. */
export const databaseNotes = `## Databases

An SQLite database that was in use stands here as one whole file: what was in its \`-wal\` or \`-journal\` is in it. Before its application opens it, see that no \`-wal\`, \`-shm\` or \`-journal\`
of an older database of that name lies beside it: SQLite would take it for its own. Where such files are in this backup, they belong to the database beside them: restore them together.
\`sqlite3 FILE 'PRAGMA integrity_check'\` says whether a database is whole.
`
