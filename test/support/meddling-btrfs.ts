import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/**
 * A `btrfs` program in a folder of its own that does what is asked at a step of its caller, once, and otherwise is the real one:
 *
 * `before-create`, `before-delete`: kills its caller and does nothing · `after-create`: makes the snapshot and kills its caller · `orphan-create`, `orphan-delete`: kills its
 * caller and does its work later · `uncommitted-delete`: deletes without waiting for the commit and kills its caller · `refuse-delete`: fails, as often as it is asked
 */
export type Meddling = 'before-create' | 'after-create' | 'orphan-create' | 'before-delete' | 'uncommitted-delete' | 'orphan-delete' | 'refuse-delete'

export interface MeddlingBtrfs {
  /** a PATH whose first folder has it */
  readonly path: string
  set(step: Meddling | null): void
}

export function meddlingBtrfs(folder: string): MeddlingBtrfs {
  const bin = path.join(folder, 'bin')
  const stepFile = path.join(folder, 'step')
  mkdirSync(bin)
  // It gets none of our environment, so where its orders are is written into it.
  writeFileSync(
    path.join(bin, 'btrfs'),
    `#!/bin/bash
real() { /usr/bin/btrfs "$@"; }
step=$(cat '${stepFile}' 2>/dev/null)
case "$2:$step" in
  delete:refuse-delete) echo 'ERROR: Could not destroy subvolume: Device or resource busy' >&2; exit 1 ;;
  snapshot:*-create|delete:*-delete) rm -f '${stepFile}' ;;
esac
case "$2:$step" in
  snapshot:before-create|delete:before-delete) kill -9 $PPID; exit 1 ;;
  snapshot:after-create) real "$@"; kill -9 $PPID; exit 0 ;;
  snapshot:orphan-create|delete:orphan-delete) kill -9 $PPID; sleep 0.4; real "$@"; exit $? ;;
  delete:uncommitted-delete) real subvolume delete "\${@:4}"; kill -9 $PPID; exit 0 ;;
esac
real "$@"
`,
    { mode: 0o755 },
  )
  return {
    path: `${bin}:${process.env['PATH'] ?? ''}`,
    set(step) {
      if (step === null) rmSync(stepFile, { force: true })
      else writeFileSync(stepFile, step)
    },
  }
}
