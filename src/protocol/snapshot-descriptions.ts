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
  zfs: {
    title: 'ZFS snapshot',
    help: 'All datasets of a pool as of one moment. Needs root, for the snapshots are mounted privately.',
    platform: 'linux',
    filesystems: ['zfs'],
    programs: ['zfs', 'mount', 'umount'],
    grade: 'atomic_volume',
  },
  lvm: {
    title: 'LVM snapshot',
    help: 'Thin or thick logical volumes with ext4 or XFS on them. Needs root, and room in the pool or the volume group.',
    platform: 'linux',
    filesystems: ['ext4', 'xfs'],
    programs: ['lvs', 'lvcreate', 'lvremove', 'lsblk', 'mount', 'umount'],
    grade: 'atomic_volume',
  },
  vss: {
    title: 'Windows shadow copy',
    help: 'NTFS and ReFS volumes, as they would be found after a power cut. Needs an administrator.',
    platform: 'win32',
    programs: ['powershell.exe'],
    grade: 'atomic_volume',
  },
  apfs: {
    title: 'APFS local snapshot',
    help: 'By Time Machine’s own snapshots. Needs root and Full Disk Access; macOS may take a snapshot away when it needs the space.',
    platform: 'darwin',
    programs: ['tmutil', 'mount_apfs', 'mount', 'umount', 'df'],
    grade: 'atomic_volume',
  },
  reflink: {
    title: 'Reflink copies',
    help: 'Copies each file by reference when it is met: every file is whole, but the files belong to different moments. Time and metadata for each file.',
    platform: 'linux',
    filesystems: ['xfs', 'btrfs', 'bcachefs'],
    programs: [],
    grade: 'per_file',
    onRequest: true,
    provenOnRealSystem: true,
  },
} as const satisfies Record<string, SnapshotDescription>

export type SnapshotProviderKind = keyof typeof snapshotDescriptions
export const snapshotProviderKinds = Object.keys(snapshotDescriptions) as SnapshotProviderKind[]
