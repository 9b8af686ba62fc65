import { computed, ref, type Ref, shallowRef } from 'vue'
import { atLeast, type Role } from '../../../src/core/role.ts'
import type { SignedIn } from '../../../src/protocol/http/account-schema.ts'

/** Who is signed in. */
export interface Session {
  readonly user: Readonly<Ref<SignedIn['user'] | null>>
  readonly csrfToken: string
  /** the session ended while somebody was at work: the page waits below a dialog */
  readonly isExpired: Readonly<Ref<boolean>>
  begin(signedIn: SignedIn): void
  end(): void
  /** Asks to sign in again over the page that is open. Resolves when somebody has. */
  askAgain(): Promise<void>
  can(role: Role): boolean
}

export function createSession(): Session {
  const signedIn = shallowRef<SignedIn | null>(null)
  const isExpired = ref(false)
  let waiting: (() => void)[] = []

  return {
    user: computed(() => signedIn.value?.user ?? null),
    get csrfToken() {
      return signedIn.value?.csrf_token ?? ''
    },
    isExpired,
    begin(now) {
      signedIn.value = now
      isExpired.value = false
      for (const goOn of waiting) goOn()
      waiting = []
    },
    end() {
      signedIn.value = null
      isExpired.value = false
      waiting = []
    },
    askAgain() {
      isExpired.value = true
      return new Promise((resolve) => waiting.push(resolve))
    },
    can: (role) => signedIn.value !== null && atLeast(signedIn.value.user.role, role),
  }
}
