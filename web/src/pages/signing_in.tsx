// The page that the issuer leads back to.
import { useEffect } from 'preact/hooks';
import { comeBack } from '../frame/issuer';
import { t } from '../i18n';

export function SigningIn() {
  useEffect(() => void comeBack(), []);
  return <p role="status">{t('signIn.busy')}</p>;
}
