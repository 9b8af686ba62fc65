import { useToast } from '@nuxt/ui/composables'
import { failureOf } from '../api/failure.ts'
import { useTexts } from '../app/texts.ts'

/** Where a failure has no place on the page. */
export function useFailureToast() {
  const toast = useToast()
  const { t } = useTexts()
  return {
    /** undefined when it failed, which was told */
    async orTell<Result>(work: Promise<Result>): Promise<Result | undefined> {
      try {
        return await work
      } catch (error) {
        const { code, message, hint, requestId } = failureOf(error)
        toast.add({
          title: t(`errors.${code}.title`),
          description: [message, hint, ...(requestId === undefined ? [] : [`${t('common.requestId')} ${requestId}`])].join('\n'),
          icon: 'i-lucide-circle-alert',
          color: 'error',
          duration: 12_000,
          ui: { description: 'whitespace-pre-line break-words' },
        })
        return undefined
      }
    },
  }
}
