/** The socket of the Hub this page came from. */
export const hubSocket = {
  openSocket: () => new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/events/ws`),
  /** True where it cannot be known: then the network is away, not the session. */
  isSignedIn: async () => (await fetch('/api/session').catch(() => null))?.status !== 401,
}
