import type { FastifyHelmetOptions } from '@fastify/helmet'

const ours = ["'self'"]

/** Pages load what this origin serves and nothing else, run no script that stands in them, and are shown in no other site's frame. */
export function securityHeaders({ isSecure }: { isSecure: boolean }): FastifyHelmetOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ours,
        styleSrc: ours,
        imgSrc: [...ours, 'data:'],
        fontSrc: ours,
        connectSrc: ours,
        manifestSrc: ours,
        workerSrc: ours,
        formAction: ours,
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // A name that is served without TLS elsewhere must not become unreachable.
    strictTransportSecurity: isSecure ? { maxAge: 365 * 24 * 60 * 60, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  }
}
