import { useRouter } from 'vue-router'
import type { OperationSpec } from '../../../../src/protocol/operation-spec.ts'
import { useServices } from '../../app/services.ts'
import { useFailureToast } from '../../components/use-failure-toast.ts'

type Verify = Omit<Extract<OperationSpec, { kind: 'verify' }>, 'kind'>

/** Begins operations from any page, and goes where they are watched. What fails is told in a corner of the page. */
export function useOperationActions() {
  const { client } = useServices()
  const router = useRouter()
  const { orTell } = useFailureToast()

  async function watch(asked: Promise<{ operation_id: string }>): Promise<void> {
    const answer = await orTell(asked)
    if (answer !== undefined) await router.push(`/operations/${answer.operation_id}`)
  }

  return {
    verify: (runId: string, body: Verify) => watch(client.operations.verify({ params: { id: runId }, body })),
    drill: (runId: string) => watch(client.operations.drill({ params: { id: runId } })),
  }
}
