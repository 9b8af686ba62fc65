import { VueQueryPlugin } from '@tanstack/vue-query'
import icons from '@nuxt/ui/runtime/vue/plugins/icons.js'
import { createApp } from 'vue'
import { createApiClient } from './api/api-client.ts'
import { createQueryCache } from './api/query-cache.ts'
import { createSession } from './api/session.ts'
import { createAppearance } from './app/appearance.ts'
import App from './app/bastion-app.vue'
import { createClock } from './app/clock.ts'
import { createIntlFormats } from './app/intl-formats.ts'
import { createAppRouter } from './app/router.ts'
import { servicesKey } from './app/services.ts'
import { createTexts } from './app/texts.ts'
import { createLive } from './live/live.ts'
import './styles/main.css'

const session = createSession()
const client = createApiClient(session)
const texts = await createTexts()
const cache = createQueryCache()
const services = { client, session, texts, formats: createIntlFormats(), live: createLive(), appearance: createAppearance(), clock: createClock() }

const app = createApp(App)
  .provide(servicesKey, services)
  .use(icons)
  .use(texts.i18n)
  .use(VueQueryPlugin, { queryClient: cache })
  .use(createAppRouter(services, cache))
// What the first page needs is asked for before anything is drawn: the router, which asks, begins when this task ends.
await new Promise((begun) => setTimeout(begun))
app.mount('#app')
