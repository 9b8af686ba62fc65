export type Scale = 'short' | 'full'

/** `npm test` is short, `npm run prove` is full; `BASTION_SCALE=full npm test` has every test at the sizes of a proof. */
export const currentScale: Scale = scaleOf(process.env['BASTION_SCALE'])

/** The same code with a smaller or a larger N. */
export function scale<T>(short: T, full: T): T {
  return currentScale === 'full' ? full : short
}

function scaleOf(text: string | undefined): Scale {
  if (text === undefined || text === '' || text === 'short') return 'short'
  if (text === 'full') return 'full'
  throw new Error(`BASTION_SCALE is ${text}, and must be short or full`)
}
