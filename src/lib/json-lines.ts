import type { Readable } from 'node:stream'

/**
 * Calls `onLine` for each whole line of a stream, in order; what follows the last newline is dropped.
 * A line longer than `maxLineBytes` destroys the stream with an error, and so does what `onLine` throws.
 */
export function readLines(stream: Readable, options: { maxLineBytes: number; onLine: (line: string) => void }): void {
  let rest: Buffer[] = []
  let restBytes = 0
  stream.on('data', (chunk: Buffer) => {
    try {
      let from = 0
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
        const line = Buffer.concat([...rest, chunk.subarray(from, end)])
        rest = []
        restBytes = 0
        from = end + 1
        options.onLine(line.toString('utf8'))
      }
      rest.push(chunk.subarray(from))
      restBytes += chunk.length - from
      if (restBytes > options.maxLineBytes) throw new Error(`a line has more than ${options.maxLineBytes} bytes`)
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  })
}
