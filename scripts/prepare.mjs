// Makes a checkout ready: packages, the build, and with --for-tests the Debian packages the tests use. Runs on plain Node 20 before
// `npm start` and `npm test`; does nothing, quickly, when nothing changed; says what it does on stderr.
//   --for-tests   also what only tests need
//   --no-build    leave the build to who follows (npm test counts it as a check of its own)
import { buildAloud, needsBuild } from './support/build.mjs'
import { buildDocsAloud, needsDocs } from './support/build-docs.mjs'
import { buildWebAloud, needsWeb } from './support/build-web.mjs'
import { install, needsInstall } from './support/install.mjs'
import { withLock } from './support/lock.mjs'
import { installTestPackages, missingTestPackages } from './support/test-packages.mjs'

const forTests = process.argv.includes('--for-tests')
const wantsBuild = !process.argv.includes('--no-build')

const isReady = () => !needsInstall() && !(wantsBuild && (needsBuild() || needsWeb() || needsDocs()))

if (!isReady()) {
  // Asked again inside: another process may have done it while this one waited.
  const prepared = await withLock(async () => {
    if (needsInstall() && !(await install())) return false
    if (!wantsBuild) return true
    if (needsBuild() && !(await buildAloud())) return false
    if (needsWeb() && !(await buildWebAloud())) return false
    // The program runs without its documentation, too; what is wrong was said.
    if (needsDocs()) await buildDocsAloud()
    return true
  })
  if (!prepared) process.exitCode = 1
}
if (forTests && missingTestPackages().length > 0) await installTestPackages()
