import { lookIntoDirectory, lookIntoTarget, planRestore } from '../engine/plan-restore.ts'
import { selectEntries } from '../engine/selection.ts'
import { openArtifactAt } from './open-artifact-at.ts'
import { openedTarget, type RequestWork } from './request-work.ts'
import { openRestoreDirectory } from './restore-directory.ts'
import { directoryOf, targetOf } from './restore-destination.ts'

/** What is asked before a restore. */
export const restoreRequests = {
  async 'restore.plan'(request, means, context) {
    const { destination, destination_credentials: credentials, conflict } = request
    await using opened = await openArtifactAt(request, context)
    const asked = { artifact: opened.artifact, selection: selectEntries(request.only), conflict, signal: context.signal }
    const roots = { restore_roots: means.restore_roots }
    const named = directoryOf(destination)
    if (named !== null) {
      using directory = openRestoreDirectory({ roots: means.restore_roots, path: named.path, name: 'ID', make: false })
      using look = lookIntoDirectory(directory.at, directory.freeBytes)
      return context.answer({ destination: directory.path, ...roots, ...(await planRestore({ ...asked, look })) })
    }
    await using target = await openedTarget({ target: targetOf(destination), credentials }, context)
    context.answer({ destination: target.label, ...roots, ...(await planRestore({ ...asked, look: lookIntoTarget(target, context.signal) })) })
  },
} as const satisfies RequestWork
