//! What the built-in caller says: a sentence in the company's language.

use super::all;
use crate::{
    App,
    auth::Caller,
    problem::{Problem, Result},
};
use object_store::{ObjectStoreExt, path::Path};
use proto::ivr::v1::{
    RenderRequest,
    render_request::{Source, Speech},
};
use softphone::Sound;
use types::config::{Kind, Tenant};

/// Between two times of the sentence: 1.5 s at 8 kHz.
const PAUSE: usize = 12_000;

fn sentence(language: &str) -> &'static str {
    match language {
        "ru" => "Здравствуйте! Это тестовый звонок Транклайна. Если вы меня слышите, всё работает.",
        "ro" => "Bună ziua! Acesta este apelul de probă Trunkline. Dacă mă auziți, totul funcționează.",
        _ => "Hello! This is the test call of Trunkline. If you can hear me, everything works.",
    }
}

/// # Errors
/// Those of the IVR and of the object store; there is nothing to say then.
pub(super) async fn voice(app: &App, caller: &Caller) -> Result<Sound> {
    let tenant = all::<Tenant>(app, caller, Kind::Tenant).await?.pop();
    let language = tenant.map_or_else(|| "en".into(), |tenant| tenant.language);
    let speech = Speech { text: sentence(&language).into(), language };
    let request = RenderRequest { tenant: caller.tenant().into(), source: Some(Source::Speech(speech)) };
    let hash = app.ivr().render(request).await?.into_inner().hash;
    let stored = app.objects.get(&Path::from(format!("prompts/{hash}.wav"))).await;
    let wav = stored.map_err(Problem::internal)?.bytes().await.map_err(Problem::internal)?;
    let mut samples = rtp::wav::read(&wav).map_err(Problem::internal)?;
    samples.resize(samples.len() + PAUSE, 0);
    Ok(Sound::Repeated(samples.into()))
}
