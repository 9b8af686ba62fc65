import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { TlsFiles } from './webdav-server.ts'

/** A certificate for 127.0.0.1 that nobody signed but itself, made anew in `folder`. */
export async function selfSigned(folder: string): Promise<TlsFiles & { certificate: string }> {
  const [certificateFile, keyFile] = [path.join(folder, 'certificate.pem'), path.join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile]
  await promisify(execFile)('openssl', ['req', '-x509', '-days', '2', ...key, ...subject, '-out', certificateFile])
  return { certificateFile, keyFile, certificate: await readFile(certificateFile, 'utf8') }
}
