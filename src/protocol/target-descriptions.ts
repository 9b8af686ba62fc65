import { z } from 'zod'
import { configSchema, type DriverConfig, type DriverDescription, type OptionDescriptions } from './driver-description.ts'

/** What a kind of target can do, for people to choose by; the engine itself asks the open target's features. */
export const targetCapabilities = {
  atomic_put: 'An object is seen whole or not at all.',
  durable_put: 'What was stored survives a power cut at once.',
  range_reads: 'One file can be read without fetching all of its artifact.',
  streaming_put: 'Storing needs memory for a piece of an object, not for all of it.',
  conditional_put: 'Of two writers of one name exactly one wins.',
  real_tree: 'Directories and links are kept as such: a raw_tree_v1 artifact can be looked at without any tool.',
  on_this_machine: 'It is a folder of the machine that runs the backup, and lost together with it unless it is another disk.',
} as const
export type TargetCapability = keyof typeof targetCapabilities

function describeTarget<const Kind extends string, const Options extends OptionDescriptions>(
  description: DriverDescription<Kind, Options, TargetCapability>,
): DriverDescription<Kind, Options, TargetCapability> {
  return description
}

const localDirectory = describeTarget({
  kind: 'local_dir',
  title: 'Folder on this machine',
  help: 'A folder on a disk, a USB drive or a mounted network share. It is created when the first backup is stored.',
  options: {
    path: {
      title: 'Folder',
      help: 'Absolute path of the folder on the machine that runs the backup.',
      schema: z
        .string()
        .regex(/^\//, 'a target folder is an absolute path')
        .refine((path) => !path.includes('\0'), 'a path holds no NUL'),
      example: '/srv/backups',
    },
  },
  capabilities: ['atomic_put', 'durable_put', 'range_reads', 'streaming_put', 'conditional_put', 'real_tree', 'on_this_machine'],
})

const memory = describeTarget({
  kind: 'memory',
  title: 'Memory',
  help: 'Keeps everything in the memory of one process and forgets it at its end: for tests and for trying things out.',
  options: {},
  capabilities: ['atomic_put', 'range_reads', 'conditional_put'],
})

/** Every kind of target. The engine's registry must implement each, or it does not compile. */
export const targetDescriptions = { local_dir: localDirectory, memory } as const

export type TargetKind = keyof typeof targetDescriptions
export type TargetConfigOf<Kind extends TargetKind> = DriverConfig<(typeof targetDescriptions)[Kind]>
export type TargetConfig = { [Kind in TargetKind]: TargetConfigOf<Kind> }[TargetKind]

/** The `target` of a job: `{"type": "local_dir", "path": "/srv/backups"}`. */
export const targetConfigSchema = z.discriminatedUnion('type', [configSchema(localDirectory), configSchema(memory)])
