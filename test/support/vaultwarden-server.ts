import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * A process that writes into a data directory as a Vaultwarden server does under load: SQLite with a write-ahead log, foreign keys and several connections, attachments and sends as files
 * beside it, icons. Argument: FOLDER. Sends `ready` over its channel; asked anything it answers with `committed`, the number of the last cipher that is committed and has its files.
 */
const folder = process.argv[2] ?? ''
let turn = 0
const pool = Array.from({ length: 3 }, () => {
  const db = new DatabaseSync(path.join(folder, 'db.sqlite3'), { timeout: 30_000 })
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
  return db
})
// Tables of Vaultwarden's own migrations, those with most of the writes.
pool[0]!.exec(`
  CREATE TABLE IF NOT EXISTS users (uuid TEXT NOT NULL PRIMARY KEY, created_at DATETIME NOT NULL, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password_hash BLOB NOT NULL, salt BLOB NOT NULL, akey TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS devices (uuid TEXT NOT NULL, user_uuid TEXT NOT NULL REFERENCES users (uuid), name TEXT NOT NULL, refresh_token TEXT NOT NULL, updated_at DATETIME NOT NULL, PRIMARY KEY (uuid, user_uuid));
  CREATE TABLE IF NOT EXISTS folders (uuid TEXT NOT NULL PRIMARY KEY, user_uuid TEXT NOT NULL REFERENCES users (uuid), name TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS ciphers (number INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, user_uuid TEXT REFERENCES users (uuid), atype INTEGER NOT NULL, name TEXT NOT NULL, notes TEXT, data TEXT NOT NULL, updated_at DATETIME NOT NULL);
  CREATE TABLE IF NOT EXISTS folders_ciphers (cipher_uuid TEXT NOT NULL REFERENCES ciphers (uuid), folder_uuid TEXT NOT NULL REFERENCES folders (uuid), PRIMARY KEY (cipher_uuid, folder_uuid));
  CREATE TABLE IF NOT EXISTS attachments (id TEXT NOT NULL PRIMARY KEY, cipher_uuid TEXT NOT NULL REFERENCES ciphers (uuid), file_name TEXT NOT NULL, file_size INTEGER NOT NULL, akey TEXT);
  CREATE TABLE IF NOT EXISTS sends (uuid TEXT NOT NULL PRIMARY KEY, user_uuid TEXT REFERENCES users (uuid), name TEXT NOT NULL, data TEXT NOT NULL, deletion_date DATETIME NOT NULL);
`)
for (const name of ['attachments', 'sends', 'icon_cache', 'tmp']) mkdirSync(path.join(folder, name), { recursive: true })
writeFileSync(path.join(folder, 'config.json'), '{"domain":"https://vault.example.org","signups_allowed":false}\n', { mode: 0o600 })
writeFileSync(path.join(folder, 'rsa_key.pem'), `-----BEGIN PRIVATE KEY-----\n${randomBytes(900).toString('base64')}\n-----END PRIVATE KEY-----\n`, {
  mode: 0o600,
})

const users = Array.from({ length: 20 }, (_, i) => addUser(i))
let number = Number(pool[0]!.prepare('SELECT coalesce(max(number), 0) AS last FROM ciphers').get()!['last'])
let committed = number

function connection(): DatabaseSync {
  return pool[turn++ % pool.length]!
}

function addUser(i: number): { user: string; folder: string } {
  const [user, home] = [randomUUID(), randomUUID()]
  const db = connection()
  db.exec('BEGIN IMMEDIATE')
  db.prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)').run(
    user,
    now(),
    `user${i}-${user}@example.org`,
    `User ${i}`,
    randomBytes(64),
    randomBytes(64),
    text(200),
  )
  db.prepare('INSERT INTO folders VALUES (?, ?, ?)').run(home, user, text(40))
  db.exec('COMMIT')
  return { user, folder: home }
}

/** What a client does that saves an item, now and then with a file. */
function saveCipher(): void {
  const { user, folder: home } = users[turn % users.length]!
  const cipher = randomUUID()
  const db = connection()
  number += 1
  db.exec('BEGIN IMMEDIATE')
  db.prepare('INSERT INTO ciphers VALUES (?, ?, ?, 1, ?, ?, ?, ?)').run(number, cipher, user, text(80), text(300), text(1200), now())
  db.prepare('INSERT INTO folders_ciphers VALUES (?, ?)').run(cipher, home)
  db.prepare('INSERT INTO devices VALUES (?, ?, ?, ?, ?)').run(randomUUID(), user, 'browser', text(64), now())
  db.exec('COMMIT')
  if (number % 10 === 0) attach(cipher)
  if (number % 25 === 0) send(user)
  if (number % 50 === 0) rmSync(path.join(folder, 'icon_cache', `${number % 7}.png`), { force: true })
  else if (number % 15 === 0) writeFileSync(path.join(folder, 'icon_cache', `${number % 7}.png`), randomBytes(3000))
  committed = number
}

function attach(cipher: string): void {
  const [id, bytes] = [randomBytes(10).toString('hex'), randomBytes(20_000)]
  mkdirSync(path.join(folder, 'attachments', cipher))
  writeFileSync(path.join(folder, 'attachments', cipher, id), bytes)
  connection().prepare('INSERT INTO attachments VALUES (?, ?, ?, ?, ?)').run(id, cipher, text(40), bytes.length, text(100))
}

function send(user: string): void {
  const uuid = randomUUID()
  mkdirSync(path.join(folder, 'sends', uuid))
  writeFileSync(path.join(folder, 'sends', uuid, randomBytes(10).toString('hex')), randomBytes(5000))
  connection().prepare('INSERT INTO sends VALUES (?, ?, ?, ?, ?)').run(uuid, user, text(40), text(100), now())
}

function text(bytes: number): string {
  return `2.${randomBytes(bytes).toString('base64')}`
}

function now(): string {
  return new Date().toISOString()
}

process.on('disconnect', () => process.exit())
process.on('message', () => process.send!({ committed }))
setInterval(saveCipher, 1)
process.send!({ ready: true })
