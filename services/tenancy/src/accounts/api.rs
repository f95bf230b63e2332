//! proto → domain → proto; no decision.

use super::Accounts;
use crate::Result;
use proto::tenancy::v1::{self as wire, accounts_server};
use tonic::{Request, Response, Status};

fn done(_: ()) -> Response<wire::Done> {
    Response::new(wire::Done {})
}

#[tonic::async_trait]
impl accounts_server::Accounts for Accounts {
    async fn sign_up(
        &self,
        request: Request<wire::SignUpRequest>,
    ) -> Result<Response<wire::Session>, Status> {
        Ok(Response::new(Accounts::sign_up(self, request.into_inner()).await?))
    }

    async fn log_in(&self, request: Request<wire::LogInRequest>) -> Result<Response<wire::Session>, Status> {
        Ok(Response::new(Accounts::log_in(self, request.into_inner()).await?))
    }

    async fn log_out(&self, request: Request<wire::Token>) -> Result<Response<wire::Done>, Status> {
        Ok(done(Accounts::log_out(self, &request.into_inner().token).await?))
    }

    async fn resume(&self, request: Request<wire::Token>) -> Result<Response<wire::Identity>, Status> {
        Ok(Response::new(Accounts::resume(self, &request.into_inner().token).await?))
    }

    async fn verify_email(&self, request: Request<wire::Token>) -> Result<Response<wire::Done>, Status> {
        Ok(done(Accounts::verify_email(self, &request.into_inner().token).await?))
    }

    async fn request_reset(
        &self,
        request: Request<wire::RequestResetRequest>,
    ) -> Result<Response<wire::Done>, Status> {
        Ok(done(Accounts::request_reset(self, request.into_inner()).await?))
    }

    async fn reset(&self, request: Request<wire::ResetRequest>) -> Result<Response<wire::Done>, Status> {
        Ok(done(Accounts::reset(self, request.into_inner()).await?))
    }

    async fn invite(
        &self,
        request: Request<wire::InviteRequest>,
    ) -> Result<Response<wire::InviteReply>, Status> {
        Ok(Response::new(Accounts::invite(self, request.into_inner()).await?))
    }

    async fn get_invite(&self, request: Request<wire::Token>) -> Result<Response<wire::InviteView>, Status> {
        Ok(Response::new(self.look_at_invite(&request.into_inner().token).await?))
    }

    async fn accept_invite(
        &self,
        request: Request<wire::AcceptInviteRequest>,
    ) -> Result<Response<wire::Session>, Status> {
        Ok(Response::new(self.accept(request.into_inner()).await?))
    }

    async fn list_users(
        &self,
        request: Request<wire::TenantRequest>,
    ) -> Result<Response<wire::Users>, Status> {
        Ok(Response::new(self.users(&request.into_inner().tenant).await?))
    }

    async fn issue_token(&self, request: Request<wire::Token>) -> Result<Response<wire::Jwt>, Status> {
        Ok(Response::new(self.issue(&request.into_inner().token).await?))
    }

    async fn update_user(
        &self,
        request: Request<wire::UpdateUserRequest>,
    ) -> Result<Response<wire::User>, Status> {
        Ok(Response::new(Accounts::update_user(self, request.into_inner()).await?))
    }

    async fn remove_user(&self, request: Request<wire::UserRequest>) -> Result<Response<wire::Done>, Status> {
        Ok(done(Accounts::remove_user(self, request.into_inner()).await?))
    }

    async fn invite_many(
        &self,
        request: Request<wire::InviteManyRequest>,
    ) -> Result<Response<wire::InviteManyReply>, Status> {
        Ok(Response::new(Accounts::invite_many(self, request.into_inner()).await?))
    }

    async fn revoke_invite(
        &self,
        request: Request<wire::RevokeInviteRequest>,
    ) -> Result<Response<wire::Done>, Status> {
        Ok(done(Accounts::revoke_invite(self, request.into_inner()).await?))
    }

    async fn list_sessions(
        &self,
        request: Request<wire::UserRequest>,
    ) -> Result<Response<wire::Sessions>, Status> {
        Ok(Response::new(self.sessions(request.into_inner()).await?))
    }

    async fn end_session(
        &self,
        request: Request<wire::EndSessionRequest>,
    ) -> Result<Response<wire::Done>, Status> {
        Ok(done(Accounts::end_session(self, request.into_inner()).await?))
    }

    async fn offer_totp(
        &self,
        request: Request<wire::UserRequest>,
    ) -> Result<Response<wire::TotpOffer>, Status> {
        Ok(Response::new(Accounts::offer_totp(self, request.into_inner()).await?))
    }

    async fn confirm_totp(
        &self,
        request: Request<wire::TotpRequest>,
    ) -> Result<Response<wire::RecoveryCodes>, Status> {
        Ok(Response::new(Accounts::confirm_totp(self, request.into_inner()).await?))
    }

    async fn drop_totp(&self, request: Request<wire::TotpRequest>) -> Result<Response<wire::Done>, Status> {
        Ok(done(Accounts::drop_totp(self, request.into_inner()).await?))
    }
}
