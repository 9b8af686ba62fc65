import { isIP } from 'node:net'
import { BastionError } from '../../core/errors.ts'

/** Where the Hub listens and how it is reached. */
export interface TransportOptions {
  host: string
  /** 0: one that is free */
  port: number
  /** PEM */
  tls?: { cert: string; key: string } | undefined
  /** plain HTTP beyond this machine, for a network where nobody else listens */
  insecureHttp: boolean
  /** where browsers reach it, when that is not where it listens: behind a proxy */
  publicUrl?: string | undefined
  /** addresses of proxies whose `X-Forwarded-For` is believed */
  trustedProxies: readonly string[]
}

export interface Transport extends TransportOptions {
  readonly isLoopback: boolean
  /** browsers send the session's cookie over TLS only */
  readonly isSecure: boolean
  /** Whether a request that names this host was meant for us. A name that somebody else has pointed at this machine is not (DNS rebinding). */
  acceptsHost(host: string): boolean
  /** Whether a page of this origin is ours. */
  acceptsOrigin(origin: string, host: string): boolean
}

/** @throws invalid_spec for plain HTTP where others may listen */
export function createTransport(options: TransportOptions): Transport {
  const { host, tls, insecureHttp } = options
  const isLoopback = isLoopbackHost(host)
  if (!isLoopback && tls === undefined && !insecureHttp) {
    throw new BastionError('invalid_spec', `${host} can be reached from other machines, and without TLS everybody on the way reads passwords`, {
      hint: 'Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has them; --insecure-http does without.',
    })
  }
  const publicUrl = options.publicUrl === undefined ? undefined : parsePublicUrl(options.publicUrl)
  const scheme = tls === undefined ? 'http' : 'https'
  return {
    ...options,
    isLoopback,
    isSecure: publicUrl === undefined ? tls !== undefined : publicUrl.protocol === 'https:',
    acceptsHost: (asked) => !isLoopback || isLoopbackHost(hostnameOf(asked)) || asked === publicUrl?.host,
    acceptsOrigin: (origin, asked) => origin === `${scheme}://${asked}` || origin === publicUrl?.origin,
  }
}

export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1')
  if (isIP(name) === 4) return name.startsWith('127.')
  return name === '::1' || name === 'localhost' || name.endsWith('.localhost')
}

/** The name of a `Host` header, without its port. */
function hostnameOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase()
}

function parsePublicUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new BastionError('invalid_spec', `--public-url: ${text} is no address such as https://bastion.example.org`, {
      hint: 'It has no path: Bastion wants a host name of its own.',
    })
  }
  return url
}
