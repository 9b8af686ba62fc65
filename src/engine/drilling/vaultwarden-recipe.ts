import { type BytePath, pathText } from '../../lib/byte-path.ts'
import type { DrillRecipe, RecipeCheck, RestoredTree } from './drill-recipe.ts'

const databaseName = 'db.sqlite3'
/** https://github.com/dani-garcia/vaultwarden/wiki/Backing-up-your-vault */
const tables = ['users', 'ciphers', 'attachments', 'organizations'] as const
const keyFiles = ['rsa_key.pem', 'rsa_key.der']

/** A Vaultwarden data directory: its database has its tables, the keys it signs sessions with are there, and so is every attachment. */
export const vaultwardenRecipe: DrillRecipe = {
  name: 'vaultwarden',
  async check(restored) {
    const database = restored.databases.find((path) => path === databaseName || path.endsWith(`/${databaseName}`))
    if (database === undefined) return [{ name: databaseName, ok: false, message: 'there is no database of this name' }]
    const directory = database.slice(0, -databaseName.length)
    return [...(await checkTables(restored, database)), checkKey(restored, directory), await checkAttachments(restored, database, directory)]
  },
}

async function checkTables(restored: RestoredTree, database: BytePath): Promise<RecipeCheck[]> {
  const { rows } = await restored.ask(
    database,
    tables.map((table) => `select count(*) as rows from ${table}`),
  )
  return tables.map((table, at) => {
    const count = rows[at]?.[0]?.['rows']
    const ok = count !== undefined
    return { name: `table ${table}`, ok, message: ok ? `${Number(count)} rows` : 'cannot be read' }
  })
}

function checkKey(restored: RestoredTree, directory: BytePath): RecipeCheck {
  const found = keyFiles.find((name) => restored.hasFile(directory + name))
  const message = found ?? 'without it everybody is signed out; Vaultwarden makes another'
  return { name: 'key of sessions', ok: found !== undefined, message }
}

async function checkAttachments(restored: RestoredTree, database: BytePath, directory: BytePath): Promise<RecipeCheck> {
  const { rows } = await restored.ask(database, ['select cipher_uuid, id from attachments'])
  const files = rows[0] ?? []
  const missing = files
    .map(({ cipher_uuid, id }) => `attachments/${String(cipher_uuid)}/${String(id)}`)
    .filter((file) => !restored.hasFile(directory + file))
  const [first] = missing
  const message = first === undefined ? `${files.length} files` : `${missing.length} of ${files.length} are missing, such as ${pathText(first).text}`
  return { name: 'attachments', ok: rows[0] !== null && missing.length === 0, message }
}
