export const leasesEn = {
  title: 'Source snapshots',
  state: 'State',
  units: 'What is frozen',
  run: 'Run',
  since: 'Since',
  attempts: 'Attempts',
  node: 'Node',
  is: { held: 'In use', left: 'Left behind', damaged: 'Unreadable' },
  reap: 'Remove what was left',
  reaped: 'Nothing was left to remove | One snapshot is removed | {count} snapshots are removed',
  empty: 'No source snapshots',
  emptyText: 'A run that freezes its source holds one while it reads, and removes it afterwards.',
}
