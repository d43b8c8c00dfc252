// SPDX-License-Identifier: GPL-2.0-or-later
// login - a user and a password where the server has users, an API token otherwise.
import type { ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { ApiError, choosePassword, session, signedIn, signIn, signInWithToken, signOut } from "../api";
import { doing } from "../say";
import { t } from "../text";
import { Button, Code, Field, Note } from "../ui/basic";
import { Dialog } from "../ui/dialog";

function SignIn() {
  const byToken = useSignal(signedIn.value === "lost" && session.value?.kind === "token");
  const failed = useSignal("");
  const busy = useSignal(false);
  const submit = async (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const text = (name: string) => String(f.get(name) ?? "");
    busy.value = true;
    failed.value = "";
    try {
      await (byToken.value ? signInWithToken(text("token")) : signIn(text("user"), text("password"), text("totp")));
    } catch (x) {
      const s = x instanceof ApiError ? x.status : 0;
      failed.value = s === 429 ? t.login.throttled : s === 401 ? (byToken.value ? t.login.refusedToken : t.login.refused) : (x as Error).message;
    }
    busy.value = false;
  };
  return (
    <form class="stack" onSubmit={submit}>
      {byToken.value ? (
        <>
          <p class="muted">{t.login.tokenHint}</p>
          <Code text={t.login.tokenCommand} />
          <Field label={t.login.token}><input key="token" name="token" type="password" autoComplete="off" spellcheck={false} required autoFocus /></Field>
        </>
      ) : (
        <>
          <Field label={t.login.user}><input key="user" name="user" autoComplete="username" defaultValue={session.value?.user ?? ""} required autoFocus={!session.value} /></Field>
          <Field label={t.login.password}><input key="password" name="password" type="password" autoComplete="current-password" required autoFocus={session.value !== null} /></Field>
          <Field label={t.login.totp}><input key="totp" name="totp" inputMode="numeric" autoComplete="one-time-code" maxLength={8} /></Field>
        </>
      )}
      {failed.value && <div role="alert"><Note kind="bad">{failed.value}</Note></div>}
      <Button type="submit" kind="primary" busy={busy.value}>{t.login.enter}</Button>
      <Button kind="quiet" onClick={() => { byToken.value = !byToken.value; failed.value = ""; }}>{byToken.value ? t.login.useUser : t.login.useToken}</Button>
    </form>
  );
}

const Brand = () => <span class="brand"><img src="/favicon.svg" alt="" />{t.name}</span>;

export const Login = () => <main class="login"><div class="login-card"><Brand /><h1>{t.login.title}</h1><SignIn /></div></main>;

// The session ended while somebody was at work: nothing of the page is seen until they are back, and nothing is lost.
export const LoginAgain = () => <Dialog alone title={t.login.lost} onClose={() => void signOut()}><p>{t.login.lostWhy}</p><SignIn /></Dialog>;

// The fields and the button of choosing another password; `more` stands below the button.
export function PasswordForm({ onDone = () => {}, more }: { onDone?: () => void; more: ComponentChildren }) {
  const failed = useSignal("");
  const busy = useSignal(false);
  const submit = async (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const text = (name: string) => String(f.get(name) ?? "");
    failed.value = "";
    if (text("new") !== text("again")) { failed.value = t.login.differ; return; }
    busy.value = true;
    try {
      await choosePassword(text("current"), text("new"), text("totp"));
      onDone();
    } catch (x) {
      failed.value = (x as Error).message;
    }
    busy.value = false;
  };
  return (
    <form class="stack" onSubmit={submit}>
      <input type="text" name="user" autoComplete="username" value={session.value?.user ?? ""} hidden readOnly />
      <Field label={session.value?.must_change ? t.login.current : t.login.password}><input name="current" type="password" autoComplete="current-password" required autoFocus /></Field>
      <Field label={t.login.next} hint={t.login.nextHint}><input name="new" type="password" autoComplete="new-password" minLength={10} required /></Field>
      <Field label={t.login.again}><input name="again" type="password" autoComplete="new-password" minLength={10} required /></Field>
      {session.value?.totp && <Field label={t.login.code}><input name="totp" inputMode="numeric" autoComplete="one-time-code" maxLength={8} required /></Field>}
      {failed.value && <div role="alert"><Note kind="bad">{failed.value}</Note></div>}
      <Button type="submit" kind="primary" busy={busy.value}>{t.act.save}</Button>
      {more}
    </form>
  );
}

// A one-time password is good for this only.
export function ChoosePassword() {
  return (
    <main class="login"><div class="login-card">
      <Brand /><h1>{t.login.choose}</h1><p class="muted">{t.login.chooseWhy}</p>
      <PasswordForm more={<Button kind="quiet" onClick={() => void doing(signOut)}>{t.login.out}</Button>} />
    </div></main>
  );
}
