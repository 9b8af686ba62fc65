/**
 * Unix names are bytes, not text. Inside the engine a path is a {@link BytePath}: a string with one character (0–255) for each byte, so that
 * comparing strings compares bytes and nothing is lost. ASCII paths look like themselves.
 */
export type BytePath = string

const ascii = /^[\x00-\x7f]*$/ // oxlint-disable-line no-control-regex

/** Whether the bytes are the same in every text encoding that matters. */
export function isAscii(path: BytePath): boolean {
  return ascii.test(path)
}

/** The bytes of `text` in UTF-8. */
export function toBytePath(text: string): BytePath {
  return ascii.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** The directory a path stands in; of "/" itself. */
export function parentPath(path: BytePath): BytePath {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

/** What the functions of `node:fs` take: text where it is the same, else the bytes. */
export function fsPath(path: BytePath): string | Buffer {
  return ascii.test(path) ? path : Buffer.from(path, 'latin1')
}

export interface PathText {
  /** to read; not reversible where `b64` stands */
  text: string
  /** the bytes in base64, only where they are not UTF-8 */
  b64?: string
}

export function pathText(path: BytePath): PathText {
  if (ascii.test(path)) return { text: path }
  const bytes = Buffer.from(path, 'latin1')
  const text = bytes.toString('utf8')
  // A name may hold a real U+FFFD, so the proof is the way back.
  return Buffer.from(text, 'utf8').equals(bytes) ? { text } : { text, b64: bytes.toString('base64') }
}

/** The bytes of a path as an index line, a manifest or a report holds it. */
export function fromPathText(text: string, b64: string | undefined): BytePath {
  return b64 === undefined ? toBytePath(text) : Buffer.from(b64, 'base64').toString('latin1')
}
