import { TextDecoder } from 'node:util'
import { XMLParser } from 'fast-xml-parser'

/** One resource of a PROPFIND's answer. */
export interface DavResource {
  /** as it was sent, percent-encoded */
  href: string
  isCollection: boolean
  sizeBytes?: number
  modifiedMs?: number
  /** The status of the whole resource, where that is told instead of properties. */
  status?: number
}

/** An answer that is no multi-status document. */
export class MultiStatusError extends Error {}
/** One that is not whole: what failed at the server after it had begun to answer. */
export class CutMultiStatusError extends MultiStatusError {}

/** Of one resource: many times what three properties take. */
const maxResourceCharacters = 64 * 1024
/** Of a whole answer: about half a million resources. */
const maxAnswerBytes = 256 * 1024 * 1024

const parser = new XMLParser({
  removeNSPrefix: true,
  ignoreAttributes: true,
  parseTagValue: false,
  processEntities: false,
  isArray: (name) => name === 'propstat',
})

/**
 * The resources of a `multistatus` document (RFC 4918, 14.16), each as soon as it has come: a large collection is not held in memory. Documents that declare
 * entities or a document type are refused unread.
 * @throws MultiStatusError
 */
export async function* readMultiStatus(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<DavResource, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let receivedBytes = 0
  for await (const chunk of chunks) {
    receivedBytes += chunk.byteLength
    if (receivedBytes > maxAnswerBytes) throw new MultiStatusError(`it has more than ${maxAnswerBytes} bytes`)
    text += decode(decoder, chunk)
    for (let found = firstResource(text); found !== null; found = firstResource(text)) {
      refuseDeclarations(text.slice(0, found.start))
      yield parseResource(text.slice(found.start, found.end))
      text = text.slice(found.end)
    }
    if (text.length > maxResourceCharacters) throw new MultiStatusError(`a resource has more than ${maxResourceCharacters} characters`)
  }
  text += decode(decoder)
  refuseDeclarations(text)
  if (!/<\/(?:[\w.-]+:)?multistatus\s*>\s*$/.test(text)) throw new CutMultiStatusError('it is no whole multistatus document')
}

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch {
    throw new MultiStatusError('it is not UTF-8')
  }
}

function firstResource(text: string): { start: number; end: number } | null {
  const opening = /<((?:[\w.-]+:)?response)(?=[\s>])/.exec(text)
  if (opening === null) return null
  const closing = new RegExp(`</${opening[1]!.replaceAll('.', '\\.')}\\s*>`, 'g')
  closing.lastIndex = opening.index
  return closing.exec(text) === null ? null : { start: opening.index, end: closing.lastIndex }
}

function refuseDeclarations(text: string): void {
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) throw new MultiStatusError('it declares a document type')
}

type XmlNode = Readonly<Record<string, unknown>>

/** An element with children; without any the parser makes it text. */
function nodeOf(element: unknown): XmlNode {
  return typeof element === 'object' && element !== null && !Array.isArray(element) ? (element as XmlNode) : {}
}

function parse(xml: string): XmlNode {
  try {
    return nodeOf(parser.parse(xml))
  } catch (error) {
    throw new MultiStatusError('it is not well-formed XML', { cause: error })
  }
}

function parseResource(xml: string): DavResource {
  refuseDeclarations(xml)
  const response = nodeOf(parse(xml)['response'])
  const { href, propstat } = response
  if (typeof href !== 'string' || href === '') throw new MultiStatusError('it names a resource without href')
  const found = (Array.isArray(propstat) ? propstat : []).map(nodeOf).filter((each) => statusCode(each['status']) === 200)
  const properties = nodeOf(Object.assign({}, ...found.map((each) => nodeOf(each['prop']))))
  const { getcontentlength: size, getlastmodified: modified } = properties
  const modifiedMs = typeof modified === 'string' ? Date.parse(modified) : Number.NaN
  const status = statusCode(response.status)
  return {
    href: decodeText(href),
    isCollection: 'collection' in nodeOf(properties['resourcetype']),
    ...(typeof size === 'string' && /^\d+$/.test(size) && { sizeBytes: Number(size) }),
    ...(!Number.isNaN(modifiedMs) && { modifiedMs }),
    ...(status !== undefined && { status }),
  }
}

/** `HTTP/1.1 200 OK` */
function statusCode(line: unknown): number | undefined {
  const code = typeof line === 'string' ? /^HTTP\/\d(?:\.\d)?\s+(\d{3})\b/.exec(line)?.[1] : undefined
  return code === undefined ? undefined : Number(code)
}

const namedCharacters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** The references every document may use without declaring them (XML 1.0, 4.1 and 4.6). */
function decodeText(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (reference, hex?: string, decimal?: string, name?: string) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    const character = name === undefined ? (code <= 0x10ffff ? String.fromCodePoint(code) : undefined) : namedCharacters[name]
    if (character === undefined) throw new MultiStatusError(`it refers to ${reference}, which XML does not know`)
    return character
  })
}
