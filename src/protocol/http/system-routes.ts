import { z } from 'zod'
import { describeRoutes } from './route.ts'

export const systemRoutes = describeRoutes({
  health: {
    method: 'GET',
    path: '/health',
    summary: 'Whether the process is alive',
    access: 'public',
    answer: { status: 200, json: z.object({ status: z.literal('ok') }) },
  },
  ready: {
    method: 'GET',
    path: '/ready',
    summary: 'Whether the Hub can do its work: the database answers and its own node is connected. 503 when not',
    access: 'public',
    answer: { status: 200, json: z.object({ status: z.literal('ready') }) },
  },
  system: {
    method: 'GET',
    path: '/system',
    summary: 'Which program this is',
    access: 'public',
    answer: { status: 200, json: z.object({ name: z.literal('bastion'), version: z.string(), api_version: z.literal(1) }) },
  },
})
