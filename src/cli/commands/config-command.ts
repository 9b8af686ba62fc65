import { join } from 'node:path'
import type { Command } from 'commander'
import { readConfigFile } from '../config-file.ts'
import type { CliContext } from '../cli-context.ts'
import { exitCodes } from '../exit-code.ts'
import { type FoundSetting, readSettings } from '../read-settings.ts'
import { printJson, printRows } from '../rows.ts'
import { addSettingFlags, givenFlags } from '../setting-flags.ts'
import { describeSetting, settingNames } from '../settings-table.ts'
import type { RunCommand } from './command.ts'

interface ConfigOptions {
  config?: string
  json?: true
}

export function addConfigCommand(program: Command, run: RunCommand): void {
  const config = program
    .command('config')
    .description('show every setting of a Hub that would be started here with these options, and where each comes from; secrets are not shown')
  addSettingFlags(config)
    .option('--json', 'as JSON lines')
    .action((options: ConfigOptions) =>
      run(async (context) => {
        const file = readConfigFile(context, options.config)
        const flags = givenFlags(config)
        const dataDir = readSettings(context, { flags, file }).data_dir.value
        const settings = readSettings(context, { flags, file, stored: await storedIn(dataDir) })
        for (const name of settingNames) await print(context, name, settings[name], options.json === true)
        return exitCodes.ok
      }),
    )
}

/** What people have changed on the Hub's pages. */
async function storedIn(dataDir: string): Promise<Record<string, unknown>> {
  const [{ lookAtDatabase }, { databaseName }, { runtimeSettingsName }] = await Promise.all([
    import('../../hub/store/look-at-database.ts'),
    import('../../hub/store/store.ts'),
    import('../../hub/runtime-settings.ts'),
  ])
  using database = lookAtDatabase(join(dataDir, databaseName))
  return (database?.setting(runtimeSettingsName) ?? {}) as Record<string, unknown>
}

async function print(
  context: CliContext,
  name: (typeof settingNames)[number],
  { value, source, from }: FoundSetting,
  asJson: boolean,
): Promise<void> {
  const shown = describeSetting(name).isSecret === true && value !== null ? '***' : value
  if (asJson) return await printJson(context, { name, value: shown, source, ...(from !== undefined && { from }) })
  await printRows(context, [[name, typeof shown === 'string' ? shown : JSON.stringify(shown), from === undefined ? source : `${source} (${from})`]])
}
