import { workerData } from 'node:worker_threads'
import { answerTasks } from '../../lib/thread-answer.ts'
import { packError } from '../thread-errors.ts'
import { createSourceTools } from './source-tools.ts'
import { createTreeBuilder } from './tree-builder.ts'
import { createTreeHome } from './tree-home.ts'
import type { TreeAnswer, TreeTask, TreeThreadData } from './tree-protocol.ts'

/** A thread that reads the entries of a tree and, where it is on this machine, writes them. */
const { wholeBytes, tree, stopped } = workerData as TreeThreadData
const tools = createSourceTools()
const home = tree === null ? null : createTreeHome({ ...tree, tools, stopped: new Int32Array(stopped) })
const builder = createTreeBuilder({ wholeBytes, home, tools })

answerTasks<TreeTask, TreeAnswer>((task) => {
  if (task.kind === 'directories') {
    for (const { path, ...metadata } of task.directories) home?.describeDirectory(path, metadata)
    return { answer: { kind: 'directories' } }
  }
  const built = builder.build(task.items, task.stats)
  // Copies: what is built is built over the next time.
  const [lines, contents] = [new Uint8Array(built.lines), new Uint8Array(built.contents)]
  return { answer: { kind: 'entries', items: built.items, lines, contents }, transfer: [lines.buffer, contents.buffer] }
}, packError)
