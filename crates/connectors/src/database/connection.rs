//! The connection to the server: opened when it is needed, bounded in time, never used again
//! after it broke.
//!
//! A connection that idled may have died unseen. Every call begins with a read;
//! if that finds a kept connection dead, it is opened anew and read once more.
//! An act is sent once.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_model::action::{Trouble, TroubleKind};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::secret::Revealed;

/// Where the server is and who we are there.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Its name, which its certificate has to show.
    pub(super) host: String,
    /// Its address, so that no name has to be resolved at the time.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Option<Revealed>,
    /// None only on this machine.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// A connection that is made when it is needed.
pub(super) struct Connection {
    server: Server,
    runtime: Runtime,
    client: Option<Client>,
}

/// A value of a statement.
pub(super) type Argument<'a> = (&'a (dyn ToSql + Sync), Type);

impl Server {
    pub(super) fn place(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.database)
    }

    fn config(&self, deadline: Duration) -> Config {
        let mut config = Config::new();
        let limit = deadline.as_millis().max(1);
        // Waiting for somebody's lock must not use up the time of the other roles of a call.
        let lock = (limit / 4).clamp(1, 2000);
        config
            .host(&self.host)
            .port(self.port)
            .dbname(&self.database)
            .user(&self.user)
            .application_name("cordon")
            .connect_timeout(deadline)
            .options(format!(
                "-c statement_timeout={limit} -c lock_timeout={lock} \
                 -c idle_in_transaction_session_timeout={limit}"
            ))
            .ssl_mode(if self.tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if let Some(address) = self.address {
            config.hostaddr(address);
        }
        if let Some(password) = &self.password {
            config.password(password.as_str());
        }
        config
    }

    async fn connect(&self, deadline: Duration) -> Result<Client, tokio_postgres::Error> {
        let config = self.config(deadline);
        match &self.tls {
            Some(tls) => {
                let tls = MakeRustlsConnect::new(ClientConfig::clone(tls));
                let (client, connection) = config.connect(tls).await?;
                drop(tokio::spawn(connection));
                Ok(client)
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                drop(tokio::spawn(connection));
                Ok(client)
            }
        }
    }
}

impl Connection {
    pub(super) fn new(server: Server) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { server, runtime, client: None })
    }

    /// Whether somebody with this password gets in; none means that it cannot be told.
    pub(super) fn lets_in(&self, user: &str, password: Revealed, by: Instant) -> Option<bool> {
        let server =
            Server { user: user.to_owned(), password: Some(password), ..self.server.clone() };
        let left = by.saturating_duration_since(Instant::now());
        let tried =
            self.runtime.block_on(async { tokio::time::timeout(left, server.connect(left)).await });
        match tried.ok()? {
            Ok(_) => Some(true),
            Err(error) => (error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION))
                .then_some(false),
        }
    }

    /// Reads; a kept connection that has died is replaced and asked once more.
    pub(super) fn read(
        &mut self,
        sql: &str,
        arguments: &[Argument<'_>],
        by: Instant,
    ) -> Result<Vec<Row>, Trouble> {
        let was_kept = self.client.is_some();
        let first = self.once(sql, arguments, by);
        if was_kept && self.client.is_none() && Instant::now() < by {
            return first.or_else(|_| self.once(sql, arguments, by));
        }
        first
    }

    /// Sends a statement once.
    pub(super) fn once(
        &mut self,
        sql: &str,
        arguments: &[Argument<'_>],
        by: Instant,
    ) -> Result<Vec<Row>, Trouble> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.connect(by)?,
        };
        let left = by.saturating_duration_since(Instant::now());
        let query = async { tokio::time::timeout(left, client.query_typed(sql, arguments)).await };
        match self.runtime.block_on(query) {
            Ok(Ok(rows)) => {
                self.client = Some(client);
                Ok(rows)
            }
            Ok(Err(error)) => {
                // An answer of the server leaves the connection whole, but for its farewell.
                let is_kept = error.code().is_some_and(|code| !is_farewell(code));
                self.client = is_kept.then_some(client);
                Err(self.failed(&error))
            }
            Err(_) => Err(self.silent()),
        }
    }

    fn connect(&self, by: Instant) -> Result<Client, Trouble> {
        let left = by.saturating_duration_since(Instant::now());
        let server = &self.server;
        let connect = async { tokio::time::timeout(left, server.connect(left)).await };
        match self.runtime.block_on(connect) {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(not_connected(server, &error)),
            Err(_) => {
                let place = server.place();
                let why = format!(
                    "the database at {place} did not let us in within {:.1} s; nothing was sent",
                    left.as_secs_f64()
                );
                Err(Trouble::new(TroubleKind::Unreachable, why))
            }
        }
    }

    fn silent(&self) -> Trouble {
        let place = self.server.place();
        let why = format!("the database at {place} did not answer in time; look again");
        Trouble::new(TroubleKind::NoReply, why)
    }

    fn failed(&self, error: &tokio_postgres::Error) -> Trouble {
        let place = self.server.place();
        let Some(said) = error.as_db_error().filter(|said| !is_farewell(said.code())) else {
            return self.silent();
        };
        let message = said.message();
        let (kind, why) = if *said.code() == SqlState::QUERY_CANCELED {
            let why =
                format!("the database at {place} needed too long and undid it all: {message}");
            (TroubleKind::NoReply, why)
        } else if *said.code() == SqlState::INSUFFICIENT_PRIVILEGE {
            let why = format!(
                "the database at {place} does not permit it: {message}; install \
                 docs/connectors/database.md's rights and use the role `cordon_hand`"
            );
            (TroubleKind::Denied, why)
        } else if [SqlState::UNDEFINED_FUNCTION, SqlState::INVALID_SCHEMA_NAME]
            .contains(said.code())
        {
            let why = format!(
                "the database at {place} lacks Cordon's functions; run rights.sql there \
                 (docs/connectors/database.md): {message}"
            );
            (TroubleKind::Unsupported, why)
        } else {
            (TroubleKind::Unknown, format!("the database at {place} answered: {message}"))
        };
        Trouble::new(kind, why)
    }
}

/// Whether the server said that it closes the connection.
fn is_farewell(code: &SqlState) -> bool {
    code.code().starts_with("57P")
}

fn not_connected(server: &Server, error: &tokio_postgres::Error) -> Trouble {
    let place = server.place();
    let cause = causes(error);
    let is_about_us = error.code().is_some_and(|code| code.code().starts_with("28"));
    if is_about_us {
        let why = format!("the database at {place} does not let `{}` in: {cause}", server.user);
        return Trouble::new(TroubleKind::Denied, why);
    }
    let why = format!("the database at {place} cannot be reached: {cause}; nothing was sent");
    Trouble::new(TroubleKind::Unreachable, why)
}

/// What an error says with everything behind it: the certificate's fault stands at the end.
fn causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

/// Trusts the certificates of a file, and no others.
pub(super) fn trust(ca: &Path) -> Result<Arc<ClientConfig>, String> {
    let unread = |error: String| format!("the certificates in `{}`: {error}", ca.display());
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(ca).map_err(|error| unread(error.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| unread(error.to_string()))?;
        roots.add(certificate).map_err(|error| unread(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unread("there are none".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
