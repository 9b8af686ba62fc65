import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from './temporary-folder.ts'

/** A key and a certificate for 127.0.0.1 that nobody but itself vouches for. */
export async function selfSigned(): Promise<{ key: string; cert: string }> {
  await using folder = await temporaryFolder()
  const key = path.join(folder.path, 'key.pem')
  const cert = path.join(folder.path, 'cert.pem')
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', ...subject]
  await promisify(execFile)('openssl', [...args, '-keyout', key, '-out', cert])
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
}
