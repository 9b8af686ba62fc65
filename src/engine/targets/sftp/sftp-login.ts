import ssh2, { type AnyAuthMethod, type ParsedKey } from 'ssh2'
import { BastionError } from '../../../core/errors.ts'

/** Where a server is and how to be let in. */
export interface SftpLogin {
  host: string
  port: number
  username: string
  /** fingerprints that are trusted, with commas between them */
  hostKey?: string | undefined
  password?: string | undefined
  /** the text of the key file */
  privateKey?: string | undefined
  passphrase?: string | undefined
  agentSocket?: string | undefined
}

/** The ways to prove who we are, best first. @throws invalid_spec when the private key cannot be used; it tells nothing of the key */
export function authenticationMethods({ username, password, privateKey, passphrase, agentSocket }: SftpLogin): AnyAuthMethod[] {
  const methods: AnyAuthMethod[] = [{ type: 'none', username }]
  if (privateKey !== undefined) methods.push({ type: 'publickey', username, key: parsePrivateKey(privateKey, passphrase) })
  if (agentSocket !== undefined) methods.push({ type: 'agent', username, agent: agentSocket })
  if (password !== undefined) {
    methods.push({ type: 'password', username, password })
    methods.push({
      type: 'keyboard-interactive',
      username,
      // Servers that ask for the password in a dialogue ask one question, and do not show the answer. Any other question is not ours to answer.
      prompt: (_name, _instructions, _language, prompts, finish) =>
        finish(prompts.map(({ echo }) => (prompts.length === 1 && echo !== true ? password : ''))),
    })
  }
  return methods
}

function parsePrivateKey(text: string, passphrase: string | undefined): ParsedKey {
  // Keys in one file: the private one stands first.
  const parsed = [ssh2.utils.parseKey(text, passphrase)].flat()[0]
  if (parsed instanceof Error || parsed === undefined) {
    throw new BastionError('invalid_spec', `The private key cannot be used: ${parsed?.message ?? 'it is empty'}.`, {
      hint: 'It is the text of a key file such as ~/.ssh/id_ed25519; one that is encrypted needs its passphrase, too.',
    })
  }
  if (!parsed.isPrivateKey()) throw new BastionError('invalid_spec', 'The private key is a public one.')
  return parsed
}

/** What there was to be let in with, for messages. */
export function describeMethods(methods: readonly AnyAuthMethod[]): string {
  const given = methods.map(({ type }) => type).filter((type) => type !== 'none' && type !== 'keyboard-interactive')
  return given.length === 0 ? 'no password, key or agent was given' : `given: ${given.join(', ')}`
}
