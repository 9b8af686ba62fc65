import type { SampleConsole } from './web-sample.ts'

/** Every page of the web interface, as it is looked at by axe and in screenshots: a name, an address, and what shows that it is there. */
export function webPages({ ids }: Pick<SampleConsole, 'ids'>): { name: string; path: string; isThere: string }[] {
  return [
    { name: 'overview', path: '/', isThere: 'h1' },
    { name: 'jobs', path: '/jobs', isThere: `text=${ids.jobName}` },
    { name: 'runs', path: '/runs', isThere: `text=${ids.jobName}` },
    { name: 'account', path: '/account', isThere: 'table tbody tr' },
    { name: 'nowhere', path: '/no/such/page', isThere: 'h1' },
  ]
}
