import type { z } from 'zod'
import { problemsEn } from '../locales/problems-en.ts'
import { useTexts } from './texts.ts'

type OwnText = keyof typeof problemsEn.own

/** What schemas say in words of their own, without the escapes of the catalogue. */
const ownTexts: ReadonlyMap<string, OwnText> = new Map(
  Object.entries(problemsEn.own).map(([key, text]) => [text.replaceAll("{'@'}", '@'), key as OwnText]),
)

/** What a schema of the API has against what was typed, in the language of the page. */
export function useProblems() {
  const { t } = useTexts()

  function textOf(issue: z.core.$ZodIssue): string {
    const own = ownTexts.get(issue.message)
    if (own !== undefined) return t(`problems.own.${own}`)
    switch (issue.code) {
      case 'invalid_type':
        return t(issue.expected === 'number' || issue.expected === 'int' ? 'problems.number' : 'problems.missing')
      case 'too_small':
        return tooSmall(issue)
      case 'too_big':
        if (issue.origin === 'string') return t('problems.tooLong', { most: issue.maximum })
        return t(issue.inclusive === false ? 'problems.lessThan' : 'problems.atMost', { most: issue.maximum })
      case 'invalid_value':
      case 'invalid_union':
        return t('problems.choice')
      default:
        return t('problems.other')
    }
  }

  function tooSmall({ origin, minimum, inclusive }: z.core.$ZodIssueTooSmall): string {
    const isOne = Number(minimum) === 1
    if (origin === 'string') return isOne ? t('problems.empty') : t('problems.tooShort', { least: minimum })
    if (origin === 'array' && isOne) return t('problems.none')
    return t(inclusive === false ? 'problems.moreThan' : 'problems.atLeast', { least: minimum })
  }

  return {
    /** by the path of the field, such as `target.base_url`; of several the first */
    problemsOf(schema: z.ZodType, value: unknown): ReadonlyMap<string, string> {
      const issues = schema.safeParse(value).error?.issues ?? []
      return new Map(issues.toReversed().map((issue) => [issue.path.join('.'), textOf(issue)]))
    },
    /** of a value that is one field */
    problemOf(schema: z.ZodType, value: unknown): string | undefined {
      const issue = schema.safeParse(value).error?.issues[0]
      return issue === undefined ? undefined : textOf(issue)
    },
  }
}
