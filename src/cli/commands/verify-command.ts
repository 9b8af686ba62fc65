import type { Command } from 'commander'
import { BastionError } from '../../core/errors.ts'
import { verifyLevelSchema } from '../../core/operation.ts'
import { verify } from '../../engine/verify.ts'
import { keepFreedMemory } from '../../lib/malloc.ts'
import { artifactArgument } from '../arguments.ts'
import type { CliContext } from '../cli-context.ts'
import { printableText } from '../entry-text.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { oneOf } from '../one-of.ts'
import { createProgressLine, formatBytes } from '../progress-line.ts'
import { systemClock } from '../system-clock.ts'
import type { RunCommand } from './command.ts'

interface VerifyOptions {
  level: string
  sample: string
  identity?: string
  json?: true
}

export function addVerifyCommand(program: Command, run: RunCommand): void {
  program
    .command('verify')
    .description('prove that an artifact is whole')
    .argument('<artifact>', 'TARGET/JOB/RUN, or TARGET/JOB@latest')
    .option('--level <level>', 'chain (marker, manifest, sizes), sample or full (every byte)', 'full')
    .option('--sample <percent>', 'with "sample": at least so much of the content', '5')
    .option('--identity <file>', 'age identity file, for encrypted artifacts')
    .option('--json', 'the report as JSON')
    .action((artifact: string, options: VerifyOptions) => run((context) => verifyCommand(artifact, options, context)))
}

async function verifyCommand(name: string, options: VerifyOptions, context: CliContext): Promise<ExitCode> {
  const level = oneOf('--level', verifyLevelSchema, options.level)
  const percent = Number(options.sample)
  if (!(percent > 0 && percent <= 100)) throw new BastionError('invalid_spec', '--sample is a number above 0, up to 100')
  keepFreedMemory()
  await using opened = await artifactArgument(name, options, context)
  using line = createProgressLine(context)
  const report = await verify({
    ...opened,
    level,
    sampleShare: percent / 100,
    random: Math.random,
    clock: systemClock,
    signal: context.signal,
    onProgress: (progress) => line.show(progress),
  })
  line[Symbol.dispose]()
  if (options.json === true) await context.out(`${JSON.stringify(report)}\n`)
  else {
    const { objects, entries, damaged } = report
    context.note(
      `${report.ok ? 'ok' : 'NOT OK'}: ${objects.checked} of ${objects.expected} objects, ${entries.checked} of ${entries.expected} entries, ${formatBytes(entries.bytes)} checked\n`,
    )
    for (const { object, message } of damaged.sample) context.note(`  ${printableText(object)}: ${printableText(message)}\n`)
  }
  return report.ok ? exitCodes.ok : exitCodes.failed
}
