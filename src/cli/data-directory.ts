import { resolve } from 'node:path'
import type { CliContext } from './cli-context.ts'
import { readSetting } from './read-settings.ts'

/** `--data-dir`, else what environment or configuration file say, else `$XDG_DATA_HOME/bastion`; for root `/var/lib/bastion`. @throws invalid_spec */
export function dataDirectory(context: CliContext, option: string | undefined): string {
  // What was asked for needs no configuration that could be wrong.
  return option === undefined ? readSetting('data_dir', context).value : resolve(context.cwd, option)
}
