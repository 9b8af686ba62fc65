// npm run screenshots [name …]: pictures of the web interface into .cache/screenshots, each page at 1440 and 390 pixels, light and dark.
// npm run screenshots -- --readme: the three of the README, into docs/pictures.
// A Hub with sample jobs and runs is started for it and ends with it.
import { takeReadmePictures, takeScreenshots } from '../test/support/screenshots.ts'
import { root, say } from './support/run.mjs'
import path from 'node:path'

const wanted = process.argv.slice(2)
const folder = path.join(root, ...(wanted.includes('--readme') ? ['docs', 'pictures'] : ['.cache', 'screenshots']))
if (wanted.includes('--readme')) await takeReadmePictures(folder)
else await takeScreenshots(folder, wanted, say)
say(`screenshots: ${folder}`)
