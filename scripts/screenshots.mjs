// npm run screenshots [name …]: pictures of the web interface into .cache/screenshots, each page at 1440 and 390 pixels, light and dark.
// A Hub with sample jobs and runs is started for it and ends with it.
import { takeScreenshots } from '../test/support/screenshots.ts'
import { root, say } from './support/run.mjs'
import path from 'node:path'

const folder = path.join(root, '.cache', 'screenshots')
await takeScreenshots(folder, process.argv.slice(2), say)
say(`screenshots: ${folder}`)
