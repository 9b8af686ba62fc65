/** What people need to know of a way to freeze a source before it is used: `snapshot probe`, `doctor`, the job editor and the reference page show it. */
export interface SnapshotDescription {
  readonly title: string
  readonly help: string
  readonly platform: 'linux' | 'win32' | 'darwin'
  /** filesystem types it is for, as the mount table names them; absent: what lies below the filesystem decides */
  readonly filesystems?: readonly string[]
  /** programs it calls */
  readonly programs: readonly string[]
  /** how far the entries of one unit belong together */
  readonly grade: 'atomic_volume' | 'per_file'
  /** taken only when it is asked for by name */
  readonly onRequest?: true
  /** its tests run on the real thing; absent: on recorded answers of its programs only */
  readonly provenOnRealSystem?: true
}

/** Every provider, the one that is preferred first. The engine's registry must implement each, or it does not compile. */
export const snapshotDescriptions = {
  btrfs: {
    title: 'Btrfs subvolume snapshot',
    help: 'Needs root, or a subvolume of one’s own on a mount with user_subvol_rm_allowed.',
    platform: 'linux',
    filesystems: ['btrfs'],
    programs: ['btrfs'],
    grade: 'atomic_volume',
    provenOnRealSystem: true,
  },
} as const satisfies Record<string, SnapshotDescription>

export type SnapshotProviderKind = keyof typeof snapshotDescriptions
export const snapshotProviderKinds = Object.keys(snapshotDescriptions) as SnapshotProviderKind[]
