// What the compiler's project references do not see, and, in one table, what they do. Every rule says why.

/** Rule: a layer imports itself, the layers named here, and no other. */
const layers = {
  core: { imports: [], why: 'what a backup is does not depend on how it is done, kept, sent or shown' },
  protocol: { imports: ['core'], why: 'what crosses a wire is composed from core, and both ends read it without each other' },
  lib: { imports: [], why: 'a tool that knows no domain can be trusted, tested and replaced alone' },
  client: { imports: ['core', 'protocol'], why: 'the HTTP API as functions runs in a browser as well as in the CLI' },
  engine: { imports: ['core', 'protocol', 'lib'], why: 'a lost Hub must never stand between a person and their data' },
  executor: { imports: ['core', 'protocol', 'lib', 'engine'], why: 'the same code works for the Hub and for an agent, and knows neither' },
  agent: { imports: ['core', 'protocol', 'lib', 'executor'], why: 'an executor away from the Hub; it reaches the engine through the executor only' },
  hub: { imports: ['core', 'protocol', 'lib'], why: 'the Hub decides and the executor does: they meet in protocol, wherever a run executes' },
  cli: {
    imports: ['core', 'protocol', 'lib', 'client', 'engine', 'executor', 'agent', 'hub'],
    why: 'it composes all the others, and nothing imports it',
  },
  web: { imports: ['core', 'protocol', 'client'], why: 'the browser has no files, no processes and no secrets of a node' },
}

/** These have no Node: they run in a browser, or are pure. */
const worldless = ['core', 'protocol', 'client', 'web']

/** @param {string} layer */
const folderOf = (layer) => (layer === 'web' ? '^web/' : `^src/${layer}/`)

const layerRules = Object.entries(layers).map(([layer, { imports, why }]) => ({
  name: `layer-${layer}`,
  severity: 'error',
  comment: `${layer} imports ${imports.length === 0 ? 'no other layer' : `only ${imports.join(', ')}`}: ${why}.`,
  from: { path: folderOf(layer) },
  to: { path: '^(src/[^/]+|web)/', pathNot: [layer, ...imports].map(folderOf) },
}))

const worldRules = worldless.map((layer) => ({
  name: `world-${layer}`,
  severity: 'error',
  comment: `${layer} knows no files, clock, network or processes: it is the same in a browser, and its tests need nothing.`,
  from: { path: folderOf(layer), pathNot: '^web/vite[.]config[.]ts$' },
  to: { dependencyTypes: ['core'] },
}))

/** One folder a driver. */
const drivers = '^src/(engine/targets|engine/sources|engine/snapshots|hub/notify)/([^/]+)/'

const houseRules = [
  {
    name: 'no-cycle',
    severity: 'error',
    comment: 'What imports itself through others cannot be understood, tested or moved alone. Types count: they tie files together as values do.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'driver-alone',
    severity: 'error',
    comment: 'A driver can be read, replaced and removed alone. What two of them share belongs beside their interface or in lib.',
    from: { path: drivers },
    to: { path: drivers, pathNot: '^src/$1/$2/' },
  },
  {
    name: 'database-in-store',
    severity: 'error',
    comment:
      "Only hub/store knows how state is kept. The sqlite sources and drills read an operator's database, never the Hub's, and a spilled map is no state.",
    from: {
      path: '^(src|web)/',
      pathNot: ['^src/hub/store/', '^src/engine/sources/(sqlite|vaultwarden)/', '^src/engine/drilling/', '^src/lib/spilling-map[.]ts$'],
    },
    to: {
      path: ['^(node:)?sqlite$', '(^|/)node_modules/(kysely|pg|better-sqlite3)/', '^(kysely|pg|better-sqlite3)(/|$)'],
    },
  },
  {
    name: 'program-without-tests',
    severity: 'error',
    comment: 'What ships does not contain what checks it.',
    from: { path: '^(src|web|bin)/' },
    to: { path: '^(test|bench|scripts)/' },
  },
  {
    name: 'program-without-tools',
    severity: 'error',
    comment: 'A development dependency is not there where Bastion is installed.',
    from: { path: '^(src|bin)/' },
    to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'resolvable',
    severity: 'error',
    comment: 'An import that leads nowhere fails when it is needed most. A package that package.json does not name leads nowhere too.',
    from: {},
    to: { couldNotResolve: true },
  },
]

export default {
  forbidden: [...layerRules, ...worldRules, ...houseRules],
  options: {
    tsPreCompilationDeps: true, // type imports are imports
    tsConfig: { fileName: 'tsconfig.base.json' },
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
