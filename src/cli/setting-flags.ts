import { type Command, Option } from 'commander'
import { collect } from './commands/command.ts'
import type { GivenFlags } from './read-settings.ts'
import { describeSetting, settingNames } from './settings-table.ts'

/** Gives a command a flag for each setting that has one, and `--config`. Environment and defaults stand there for its help alone: `readSettings` decides. */
export function addSettingFlags(command: Command): Command {
  command.addOption(new Option('--config <file>', 'a configuration file').env('BASTION_CONFIG'))
  for (const name of settingNames) {
    const option = optionOf(name)
    if (option !== null) command.addOption(option)
  }
  return command
}

/** What was said on the command line itself. */
export function givenFlags(command: Command): GivenFlags {
  const given: GivenFlags = {}
  for (const name of settingNames) {
    const attribute = optionOf(name)?.attributeName()
    if (attribute !== undefined && command.getOptionValueSource(attribute) === 'cli') given[name] = command.getOptionValue(attribute) as string
  }
  return given
}

function optionOf(name: (typeof settingNames)[number]): Option | null {
  const { flag, help, env, kind, fallback } = describeSetting(name)
  if (flag === undefined) return null
  const option = new Option(flag, help).env(env)
  if (kind === 'paths' || kind === 'texts' || kind === 'hooks')
    return option.argParser((value: string, before: string[]) => collect(value, before)).default([])
  return fallback === null || typeof fallback === 'object' || typeof fallback === 'boolean' ? option : option.default(fallback)
}
