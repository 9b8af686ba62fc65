export const settingsEn = {
  title: 'Settings',
  runs: 'Runs',
  runsPerNode: 'Runs at a time on each node',
  runsPerNodeHelp: 'More than that wait for their turn. It holds at once; what runs already goes on.',
  saved: 'The settings hold from now on',
  about: 'This Hub',
  version: 'Version',
  api: 'HTTP API',
  apiText: 'Every call of it',
}
