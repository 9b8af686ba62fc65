/** One way to log in that a server offers. */
export interface HttpChallenge {
  /** lower case: `basic`, `digest` */
  scheme: string
  /** by name in lower case */
  parameters: Readonly<Record<string, string>>
}

// A scheme, a parameter with its value, or a token of 68 characters (RFC 9110, 11.2), with what separates them.
const piece = /[\s,]*([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=]+)))?=*/gy

/** The challenges of `WWW-Authenticate` headers (RFC 9110, 11.6.1); what cannot be understood is left out. */
export function parseChallenges(headers: string | readonly string[] | undefined): HttpChallenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  for (const header of typeof headers === 'string' ? [headers] : (headers ?? [])) {
    for (const [, name, quoted, plain] of header.matchAll(piece)) {
      const value = quoted?.replace(/\\(.)/g, '$1') ?? plain
      if (value === undefined) challenges.push({ scheme: name!.toLowerCase(), parameters: {} })
      else if (challenges.length > 0) challenges.at(-1)!.parameters[name!.toLowerCase()] = value
    }
  }
  return challenges
}
