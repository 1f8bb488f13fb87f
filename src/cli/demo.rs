//! The built-in example: a PetStore, and a backend for it that keeps its pets in memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::control_plane::deployment::{self, Built};
use crate::diagnostic::Diagnostics;
use crate::openapi::{self, ImportOptions};
use crate::plan::compile;

const DOCUMENT: &str = include_str!("../../examples/petstore.yaml");

/// New pets beyond this many replace the oldest.
const PETS_MAX: usize = 1000;

#[derive(Clone, Serialize)]
struct Pet {
    id: u64,
    #[serde(flatten)]
    pet: NewPet,
}

#[derive(Clone, Deserialize, Serialize)]
struct NewPet {
    r#type: String,
    price: f64,
}

type Pets = Arc<Mutex<Vec<Pet>>>;

/// Compiles the example for the backend at `backend`.
///
/// # Errors
/// Only what the options do to it: the document itself is covered by tests.
pub fn build(
    backend: SocketAddr,
    import: &ImportOptions,
    options: &compile::Options,
    generation: u64,
) -> Result<Built, Diagnostics> {
    let mut import = import.clone();
    import.stage_variables.entry("backend".to_owned()).or_insert_with(|| backend.to_string());
    let imported = openapi::load_text("petstore.yaml (built in)", DOCUMENT, &import)?;
    deployment::build_imported(vec![imported], options, generation)
}

/// Starts the backend on a thread of its own, on a port that the system picks.
///
/// # Errors
/// When there is no port or thread to be had.
pub fn start_backend() -> Result<SocketAddr, String> {
    let problem = |error: std::io::Error| format!("cannot start the example's backend: {error}");
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(problem)?;
    listener.set_nonblocking(true).map_err(problem)?;
    let address = listener.local_addr().map_err(problem)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(problem)?;
    let thread = std::thread::Builder::new().name("petstore".to_owned());
    let serve = move || runtime.block_on(serve(listener));
    thread.spawn(serve).map_err(problem)?;
    Ok(address)
}

async fn serve(listener: std::net::TcpListener) -> std::io::Result<()> {
    let first = [("dog", 249.99), ("cat", 124.99), ("fish", 0.99)];
    let pets = first.iter().zip(1..).map(|((kind, price), id)| {
        let pet = NewPet { r#type: (*kind).to_owned(), price: *price };
        Pet { id, pet }
    });
    let pets: Pets = Arc::new(Mutex::new(pets.collect()));
    let router = Router::new()
        .route("/petstore/pets", get(list).post(create))
        .route("/petstore/pets/{id}", get(one))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(pets);
    axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
}

async fn list(State(pets): State<Pets>) -> Json<Vec<Pet>> {
    Json(pets.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn one(State(pets): State<Pets>, Path(id): Path<u64>) -> Result<Json<Pet>, StatusCode> {
    let pets = pets.lock().unwrap_or_else(PoisonError::into_inner);
    pets.iter().find(|pet| pet.id == id).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn create(State(pets): State<Pets>, Json(pet): Json<NewPet>) -> (StatusCode, Json<Pet>) {
    let mut pets = pets.lock().unwrap_or_else(PoisonError::into_inner);
    let id = pets.last().map_or(1, |last| last.id + 1);
    if pets.len() == PETS_MAX {
        pets.remove(0);
    }
    let pet = Pet { id, pet };
    pets.push(pet.clone());
    (StatusCode::CREATED, Json(pet))
}
